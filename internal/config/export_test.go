package config

import "slices"

// Keys returns the names of all keys that Parse knows, with those above them,
// such as allow.owners.
func Keys() []string {
	all := names("", configKeys)
	all = append(all, names("allow.", allowKeys)...)
	all = append(all, names("deny.", denyKeys)...)
	all = append(all, names("exceptions.", exceptionKeys)...)
	return append(all, names("updates.", updateKeys)...)
}

// Required returns those of Keys that a mapping has to have.
func Required() []string {
	return append(required("exceptions.", exceptionKeys), required("updates.", updateKeys)...)
}

// HookKeys returns the names of all keys that ParseHook knows, without those
// above them.
func HookKeys() []string {
	return slices.Concat(names("", hookKeys), names("", keylessKeys), names("", ruleKeys), names("", ledgerKeys))
}

func names[T any](above string, keys []key[T]) (all []string) {
	for _, k := range keys {
		all = append(all, above+k.name)
	}
	return all
}

func required[T any](above string, keys []key[T]) (all []string) {
	for _, k := range keys {
		if k.required {
			all = append(all, above+k.name)
		}
	}
	return all
}

// Forms are the regular expressions of texts, by where the schema has them.
var Forms = map[string]string{
	"glob":       notInGlob.String(),
	"host":       hostGlob.String(),
	"owner":      ownerGlob.String(),
	"repository": repositoryGlob.String(),
	"duration":   durationForm.String(),
}
