package buildkite

import "strings"

// A SteeringGroup are variables that steer the same thing.
type SteeringGroup struct {
	What     string
	Patterns []string
}

// Steering are the variables that can change what a command does without being
// named in it, by what they steer. A * stands for any rest. They are compared
// without regard to case, which has no meaning on Windows, and proxies are written
// in either.
var Steering = []SteeringGroup{
	{"what is loaded into every program", []string{"LD_*", "DYLD_*", "GCONV_PATH", "LOCPATH", "NLSPATH", "MALLOC_*", "GLIBC_TUNABLES", "OPENSSL_*"}},
	{"how a shell starts and reads", []string{"BASH_ENV", "BASH_FUNC_*", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE", "ZDOTDIR", "SHELL", "COMSPEC", "PSMODULEPATH"}},
	{"which program a name means, and where files lie", []string{"PATH", "PATHEXT", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_*", "TMPDIR", "TMP", "TEMP", "PWD", "OLDPWD", "EDITOR", "VISUAL", "PAGER"}},
	{"what git fetches, runs and trusts", []string{"GIT_*", "SSH_*"}},
	{"what the agent checks out and how it runs a job", []string{
		"BUILDKITE_GIT_*", "BUILDKITE_REFSPEC", "BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC", "BUILDKITE_REPO", "BUILDKITE_REPO_MIRROR", "BUILDKITE_CLEAN_CHECKOUT",
		"BUILDKITE_SKIP_CHECKOUT", "BUILDKITE_CHECKOUT_*", "BUILDKITE_BUILD_CHECKOUT_PATH", "BUILDKITE_BUILD_PATH", "BUILDKITE_BIN_PATH", "BUILDKITE_CONFIG_PATH", "BUILDKITE_SOCKETS_PATH",
		"BUILDKITE_PLUGIN_*", "BUILDKITE_PLUGINS*", "BUILDKITE_PLUGIN", "BUILDKITE_HOOKS_*", "BUILDKITE_ADDITIONAL_HOOKS_PATHS", "BUILDKITE_LOCAL_HOOKS_ENABLED", "BUILDKITE_HOOK_*",
		"BUILDKITE_SHELL", "BUILDKITE_COMMAND_EVAL", "BUILDKITE_SCRIPT_PATH", "BUILDKITE_BOOTSTRAP_*", "BUILDKITE_SSH_KEYSCAN", "BUILDKITE_SECRETS_CONFIG", "BUILDKITE_DOCKER*",
		"BUILDKITE_NO_COMMAND_EVAL", "BUILDKITE_REDACTED_VARS",
	}},
	{"how interpreters start and where they find code", []string{
		"NODE_*", "NPM_CONFIG_*", "YARN_*", "PYTHON*", "PIP_*", "UV_*", "VIRTUAL_ENV", "PERL5*", "PERLLIB", "RUBY*", "BUNDLE_*", "GEM_*", "PHPRC", "PHP_INI_SCAN_DIR", "LUA_*",
		"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_HOME", "CLASSPATH", "MAVEN_*", "GRADLE_*", "DOTNET_*", "CORECLR_*", "COR_*",
	}},
	{"how compilers and builds run", []string{
		"GOFLAGS", "GOPATH", "GOROOT", "GOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOENV", "GOTOOLCHAIN", "GODEBUG", "GOWORK", "GOAUTH", "GOCACHEPROG", "GOMODCACHE", "GOVCS", "CGO_*",
		"CC", "CXX", "CPP", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX",
		"MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "CMAKE_*", "PKG_CONFIG*", "RUSTC*", "RUSTFLAGS", "CARGO_*", "RUSTUP_*", "TF_*", "ANSIBLE_*",
	}},
	{"which daemon, cluster and registry are asked", []string{"DOCKER_*", "COMPOSE_*", "BUILDKIT_*", "CONTAINER_HOST", "KUBECONFIG", "HELM_*", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL*", "AWS_CA_BUNDLE"}},
	{"where connections go and whom they trust", []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "SSL_CERT_*", "SSLKEYLOGFILE", "CURL_*", "WGETRC", "REQUESTS_CA_BUNDLE", "RES_OPTIONS", "HOSTALIASES", "RESOLV_*"}},
}

// steers tells whether a variable is among Steering.
func steers(variable string) bool {
	variable = strings.ToUpper(variable)
	for _, group := range Steering {
		for _, pattern := range group.Patterns {
			prefix, open := strings.CutSuffix(pattern, "*")
			if variable == pattern || open && strings.HasPrefix(variable, prefix) {
				return true
			}
		}
	}
	return false
}
