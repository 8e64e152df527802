// Package pin finds references to other repositories in files, checks them
// against the server that has these repositories, and rewrites them as pins.
//
// A ref stands in a workflow, a composite action, a Buildkite pipeline, or an
// example in Markdown. It is pinned if it names a full digest:
//
//	uses: acme/widgets@v4                          a tag, which can be moved
//	uses: acme/widgets@<40 hex digits> # v4.2.2    pinned, style commit
//	- docker#v3.2.0:                               a tag
//	- docker#<40 hex digits>: # v3.2.0             pinned, style commit
//	- docker#v3.2.0@git-sha1:<40 hex digits>:      pinned, style git-sha1
//
// A pin holds if its version is a tag of that very commit, and a branch of the
// repository reaches the commit: GitHub also shows those of forks under the name
// of a repository. The version of a moving tag, such as v4, is exchanged for the
// exact one, which is what tells later whether the tag was moved.
//
// A rewrite changes the bytes of the ref and of its version comment, nothing
// else: it puts text in the place of other text, at positions that the parser
// gives, and looks at the outcome with the same parser.
package pin
