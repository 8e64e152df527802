package worker

func ParseStat(stat []byte) (parent int, started int64, name string, err error) {
	p, err := parseStat(stat)
	return p.parent, p.started, p.name, err
}
