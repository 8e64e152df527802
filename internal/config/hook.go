package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// A Hook is the config of the hook on a worker.
type Hook struct {
	Keys       []string // paths, and https URLs of JWKSs; empty where there is a SecretFile
	SecretFile string   // path; empty where there are Keys
	Issuers    []string // who may have signed with a key; empty: anybody who has one
	Keyless    []Keyless
	JWKSCache  string // path of a folder; empty: none
	TokenInput string // the input of a job that carries its token
	Default    string // what no rule is about: TokenRequire, TokenNone or TokenRefuse
	Rules      []Rule
	Ledger     Ledger // the zero value: none
	CAFile     string // path; empty: the system's authorities
	AuditLog   string // path; empty: none
	EndWorker  bool   // whether a refusal ends the runner's worker process
}

// A Keyless is an OpenID provider, and who of those that it knows may sign without
// a key.
type Keyless struct {
	Issuer     string
	JWKS       string              // path of its keys; empty: it is asked
	Identities []map[string]string // claims and their globs, of which one map has to hold as a whole
}

// A Ledger says where used tokens are recorded: in a folder, or in a repository.
type Ledger struct {
	Dir        string // path
	Repository string // owner/name
	APIURL     string // of the server of Repository; empty: not given
	TokenFile  string // path of the API token; there is one where there is a Repository
}

// ParseHook reads the config of the hook on a worker, the file that
// `countersign hook --config` names:
//
//	version: 1
//	keys:                     # who is trusted; or secret-file: PATH, or keyless alone
//	  - /etc/countersign/orchestrator.jwk # a file with PEM, JWK or JWKS
//	  - https://keys.acme.example/jwks    # or the https URL of a JWKS
//	issuers: [https://github.com/acme/orchestrator] # who may sign with them; left out: anybody
//	keyless:                  # who may sign with an identity and no key
//	  - issuer: https://token.actions.githubusercontent.com
//	    jwks: /etc/countersign/github.jwks # its keys; left out: it is asked
//	    identities:           # one of which has to hold as a whole
//	      - {repository: acme/orchestrator, ref: refs/heads/main}
//	jwks-cache: /var/cache/countersign # folder for keys of issuers that are asked
//	token-input: token        # the input of a job that carries its token
//	default: require          # what no rule is about: require, none or refuse
//	rules:                    # the first that is about a job decides; may be left out
//	  - repository: acme/widgets-*
//	    workflow: .github/workflows/deploy*.yml # left out: all, and jobs that have none
//	    token: require        # require, optional, none or refuse
//	    on-missing: warn      # block or warn
//	    on-invalid: block     # block or warn
//	    dispatchers: [acme-bot] # accounts that may start a job for the signed actor
//	    allow-rerun: false
//	    single-use: true      # needs a ledger
//	    allow-unsigned-inputs: [log-level]
//	    expect: [environment=production] # facts that a job does not tell
//	ledger:                   # used tokens; or dir: PATH alone
//	  repository: acme/ledger
//	  api-url: https://api.github.com
//	  token-file: /etc/countersign/ledger.token
//	ca-file: /etc/ssl/acme.pem # in place of the system's
//	audit-log: /var/log/countersign.jsonl
//	on-refusal: end-worker    # or exit
//
// In a repository only * is special; it does not go over /, and case in ASCII
// does not count. In a workflow * and ? are, neither goes over /, and case counts.
//
// It decides about trust, and is read as strictly as the config of a workspace:
// what cannot mean anything is refused too, such as single-use where no token is
// asked for. Whether a key can be read is not looked at. Paths are returned as
// they are written.
//
// name is what errors call the file; they are of type *Error, and quote no value
// that may be a key, a secret or a token.
func ParseHook(name string, text []byte) (*Hook, error) {
	root, err := document(name, text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, &Error{name, 1, 1, "the file is empty, so nobody is trusted", adviceVersion}
	}
	v := value{root, name, ""}
	h := &Hook{TokenInput: "token", Default: TokenRequire, EndWorker: true}
	// The version goes first: the keys of another one are not known.
	if err := v.version(); err != nil {
		return nil, err
	}
	if err := mapping(v, hookKeys, h); err != nil {
		return nil, err
	}
	if err := v.checkHook(h); err != nil {
		return nil, err
	}
	return h, nil
}

const adviceVersion = "begin with the line version: 1"

// version checks that a file is of the version that is known here.
func (v value) version() error {
	n, ok := v.child("version")
	switch {
	case !ok && v.Kind == yaml.MappingNode:
		return v.errorf(adviceVersion, "%q is missing", "version")
	case ok && n.Tag == floatTag:
		return n.wrongType("an integer", adviceVersion)
	case ok && n.Tag != intTag:
		return n.wrongType("a number", adviceVersion)
	case ok && n.Value != "1":
		return n.errorf("write 1; a newer file needs a newer countersign", "%q is another one than 1", n.key)
	}
	return nil
}

var hookKeys = []key[Hook]{
	{name: "version", read: func(value, *Hook) error { return nil }},
	{name: "keys", read: func(v value, h *Hook) (err error) {
		h.Keys, err = v.fewOf(value.keySource, adviceKey)
		return err
	}},
	{name: "secret-file", read: func(v value, h *Hook) (err error) {
		h.SecretFile, err = v.filePath()
		return err
	}},
	{name: "issuers", read: func(v value, h *Hook) (err error) {
		h.Issuers, err = v.fewOf(func(v value) (string, error) {
			return v.line("write an issuer such as https://github.com/acme/orchestrator")
		}, "name who may sign, or leave the key out for everybody who has a key")
		return err
	}},
	{name: "keyless", read: func(v value, h *Hook) (err error) {
		if err = v.atMost(maxItems, adviceItems); err != nil {
			return err
		}
		if h.Keyless, err = items(v, value.keyless); err == nil && len(h.Keyless) == 0 {
			err = v.errorf("name an issuer, or leave the key out", "%q is an empty list", v.key)
		}
		return err
	}},
	{name: "jwks-cache", read: func(v value, h *Hook) (err error) {
		h.JWKSCache, err = v.filePath()
		return err
	}},
	{name: "token-input", read: func(v value, h *Hook) (err error) {
		h.TokenInput, err = v.inputName()
		return err
	}},
	{name: "default", read: func(v value, h *Hook) (err error) {
		h.Default, err = v.tokenMode(TokenRequire, TokenNone, TokenRefuse)
		return err
	}},
	{name: "rules", read: func(v value, h *Hook) (err error) {
		if err = v.atMost(maxItems, adviceItems); err == nil {
			h.Rules, err = items(v, value.hookRule)
		}
		return err
	}},
	{name: "ledger", read: func(v value, h *Hook) (err error) {
		h.Ledger, err = v.ledger()
		return err
	}},
	{name: "ca-file", read: func(v value, h *Hook) (err error) {
		h.CAFile, err = v.filePath()
		return err
	}},
	{name: "audit-log", read: func(v value, h *Hook) (err error) {
		h.AuditLog, err = v.filePath()
		return err
	}},
	{name: "on-refusal", read: func(v value, h *Hook) error {
		s, err := v.choice("end-worker", "exit")
		h.EndWorker = s == "end-worker"
		return err
	}},
}

// checkHook checks what one key says against another.
func (v value) checkHook(h *Hook) error {
	const advice = "give one of keys and secret-file, or keyless, or keyless beside one of them"
	if secret, ok := v.child("secret-file"); ok && h.Keys != nil {
		return secret.errorf(advice, "%q stands beside %q", secret.key, "keys")
	} else if !ok && h.Keys == nil && h.Keyless == nil {
		return v.errorf(advice, "there is no key and no identity, so nobody is trusted")
	}
	issuers := map[string]bool{}
	for _, k := range h.Keyless {
		if issuers[k.Issuer] {
			return v.errorf("put all identities of an issuer into one list", "an issuer stands twice in %q", "keyless")
		}
		issuers[k.Issuer] = true
	}
	rules, _ := v.child("rules")
	for i, r := range h.Rules {
		if r.SingleUse && h.Ledger == (Ledger{}) {
			use, _ := value{rules.Content[i], v.file, "rules"}.child("single-use")
			return use.errorf("add ledger: with dir: and a folder, or with repository: and token-file:",
				"%q has no ledger to record the token in", use.key)
		}
	}
	return nil
}

var ledgerKeys = []key[Ledger]{
	{name: "dir", read: func(v value, l *Ledger) (err error) {
		l.Dir, err = v.filePath()
		return err
	}},
	{name: "repository", read: func(v value, l *Ledger) (err error) {
		l.Repository, err = v.repositoryName()
		return err
	}},
	{name: "api-url", read: func(v value, l *Ledger) (err error) {
		l.APIURL, err = v.apiURL()
		return err
	}},
	{name: "token-file", read: func(v value, l *Ledger) (err error) {
		l.TokenFile, err = v.filePath()
		return err
	}},
}

func (v value) ledger() (l Ledger, err error) {
	const advice = "a ledger has dir: and a folder, or repository: and token-file:"
	err = mapping(v, ledgerKeys, &l)
	if err != nil {
		return l, err
	}
	switch {
	case l.Dir != "" && l != Ledger{Dir: l.Dir}:
		err = v.errorf(advice, "%q has a folder and something of a repository", v.key)
	case l.Dir == "" && l.Repository == "":
		err = v.errorf(advice, "%q has neither a folder nor a repository", v.key)
	case l.Repository != "" && l.TokenFile == "":
		err = v.errorf("name the file with an API token that may write to the repository", "%q is missing", v.under("token-file"))
	}
	return l, err
}

var keylessKeys = []key[Keyless]{
	{name: "issuer", required: true, read: func(v value, k *Keyless) (err error) {
		const advice = "write its https URL, such as https://token.actions.githubusercontent.com"
		if k.Issuer, err = v.line(advice); err == nil && !strings.HasPrefix(k.Issuer, "https://") {
			err = v.errorf(advice, "%q has what is no https URL", v.key)
		}
		return err
	}},
	{name: "jwks", read: func(v value, k *Keyless) (err error) {
		k.JWKS, err = v.filePath()
		return err
	}},
	{name: "identities", required: true, read: func(v value, k *Keyless) (err error) {
		if err = v.atMost(maxItems, adviceItems); err != nil {
			return err
		}
		if k.Identities, err = items(v, value.identity); err == nil && len(k.Identities) == 0 {
			err = v.errorf(adviceIdentity, "%q is an empty list", v.key)
		}
		return err
	}},
}

const adviceIdentity = "write claims and their values, such as {repository: acme/orchestrator, ref: refs/heads/main}"

func (v value) keyless() (k Keyless, err error) {
	return k, mapping(v, keylessKeys, &k)
}

// identity reads a mapping of claims. Which claims there are, and which say enough,
// is not known here.
func (v value) identity() (map[string]string, error) {
	switch {
	case v.Kind != yaml.MappingNode:
		return nil, v.wrongType("a mapping", adviceIdentity)
	case len(v.Content) == 0:
		return nil, v.errorf(adviceIdentity, "%q has an identity without claims", v.key)
	}
	claims := map[string]string{}
	for i := 0; i < len(v.Content); i += 2 {
		name := v.Content[i].Value
		text, err := value{v.Content[i+1], v.file, v.under(fmt.Sprintf("%.40s", name))}.line("write one text, in quotes where it is a number")
		if err != nil {
			return nil, err
		}
		claims[name] = text
	}
	return claims, nil
}

// repositoryForm is that of owner/name where no glob is meant.
var repositoryForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*/[A-Za-z0-9._-]+$`)

func (v value) repositoryName() (string, error) {
	s, err := v.text()
	owner, name, _ := strings.Cut(s, "/")
	if err == nil && (!repositoryForm.MatchString(s) || name == "." || name == ".." || max(len(owner), len(name)) > maxName) {
		err = v.errorf("write owner and name such as acme/ledger", "%q has what is no name of a repository", v.key)
	}
	return s, err
}

const (
	maxName  = 100  // bytes of an account's or a repository's name
	maxItems = 1000 // of a list
	maxLine  = 4096 // bytes of a text
)

const adviceItems = "one rule can be about many repositories: acme/* is about all of an owner"

// fewOf reads a list that has at least one item and is not too long.
func (v value) fewOf(read func(value) (string, error), advice string) ([]string, error) {
	if err := v.atMost(maxItems, advice); err != nil {
		return nil, err
	}
	return v.someOf(read, advice)
}

// line returns a text that has something in it, and no control characters. What
// it has is quoted nowhere: somebody may have put a secret there.
func (v value) line(advice string) (string, error) {
	s, err := v.text()
	switch {
	case err != nil:
	case strings.TrimSpace(s) == "":
		err = v.errorf(advice, "%q is empty", v.key)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) }):
		err = v.errorf(advice, "%q has a line end or another control character", v.key)
	case len(s) > maxLine:
		err = v.errorf(advice, "%q has more than %d bytes", v.key, maxLine)
	}
	return s, err
}

func (v value) filePath() (string, error) {
	return v.line("write the path of a file; the content of a file does not stand here")
}

const adviceKey = "write the path of a file with PEM, JWK or JWKS, or the https URL of a JWKS"

// isContent tells whether v is meant as a key itself, and not as the name of one.
func (v value) isContent() bool {
	s := strings.TrimSpace(v.Value)
	return v.Kind == yaml.MappingNode || strings.HasPrefix(s, "-----BEGIN") || strings.HasPrefix(s, "{")
}

// keySource returns what names a public key.
func (v value) keySource() (string, error) {
	if v.isContent() {
		return "", v.errorf("put the key into a file, and write the path of the file", "%q has a key itself where the name of one is expected", v.key)
	}
	s, err := v.line(adviceKey)
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case err != nil || !isURL:
	case strings.EqualFold(scheme, "http"):
		err = v.errorf("use https", "%q has a key set over http, which could be anybody's", v.key)
	default:
		_, err = v.address(adviceKey)
	}
	return s, err
}

// apiURL returns the address of an API. Plain http is for loopback addresses.
func (v value) apiURL() (string, error) {
	const advice = "write an https URL such as https://api.github.com"
	s, err := v.line(advice)
	if err != nil {
		return "", err
	}
	u, err := v.address(advice)
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		err = v.errorf(advice, "%q has a query", v.key)
	}
	return s, err
}

// address parses a URL of a host that is reached through https, or of a loopback
// address.
func (v value) address(advice string) (*url.URL, error) {
	u, err := url.Parse(v.Value)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, v.errorf(advice, "%q is no URL with a host", v.key)
	case u.User != nil || strings.Contains(v.Value, "#"):
		return nil, v.errorf(advice, "%q has a user or a fragment", v.key)
	case strings.HasPrefix(v.Value, "https://"):
		return u, nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); strings.HasPrefix(v.Value, "http://") && err == nil && ip.IsLoopback() {
		return u, nil
	}
	return nil, v.errorf(advice, "%q is not reached through https", v.key)
}

// inputForm is that of the name of an input in a workflow file (GitHub's
// "Metadata syntax reference").
var inputForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func (v value) inputName() (string, error) {
	const advice = "write the name of an input, such as token; a token itself does not stand here"
	s, err := v.line(advice)
	if err == nil && (!inputForm.MatchString(s) || len(s) > maxGlob) {
		err = v.errorf(advice, "%q has what is no name of an input", v.key)
	}
	return s, err
}
