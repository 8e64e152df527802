package tree

// SetStep has Replace call f at each of its steps, one at a time.
func (t *Tree) SetStep(f func(step string)) { t.step = f }
