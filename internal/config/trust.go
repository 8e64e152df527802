package config

import (
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/advice"
)

// trusted matches the names of flags, and their like, that decide about trust.
// What is misspelt so that it does not match is an unknown key.
var trusted = regexp.MustCompile(`^(on|allow|trusted)-` +
	`|(^|-)(tokens?|secrets?|keys?|keyless|issuers?|audiences?|identit(y|ies)|dispatchers?|ledger)(-|$)` +
	`|^(check|require|expect|alg|single-use|api-url|ca-file)$`)

// refuseTrust refuses a mapping with a key that decides about trust. The value
// may be a secret and is left out.
func (v value) refuseTrust() error {
	if v.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(v.Content); i += 2 {
		k := value{v.Content[i], v.file, ""}
		if trusted.MatchString(advice.PlainWord(k.Value)) {
			return k.errorf("give it on the command line, in the environment, or as an input of the Action",
				"%.40q decides about trust, and is never taken from a file in the workspace", k.Value)
		}
	}
	return nil
}
