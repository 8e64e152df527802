package spaceliftapi

// ParseAnswer is parseAnswer; known tells whether there are data.
func ParseAnswer(body string) (known bool, messages []string, err error) {
	data, messages, err := parseAnswer(body)
	return data != nil, messages, err
}
