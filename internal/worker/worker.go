// Package worker owns what a hook does with the machine that it runs on, a
// self-hosted GitHub runner or a Buildkite agent: it reads files that only the
// machine's owner can have written, ends the runner, and keeps a log.
//
// A file is trusted if it is regular, if root or the effective user of this
// process owns it, and if neither its group nor others may write it; and if the
// same holds for every folder from / down to it, but that a sticky one such as
// /tmp may be written by all, for nobody removes or renames there what is not
// theirs. A symbolic link on the way belongs to root or that user, lies in such a
// folder, and leads through such folders. So nobody else can replace what was
// checked before it is used, and paths stay what they were. A path is absolute: a
// relative one would name a file of the job that the hook is asked about.
//
// The permission bits tell of POSIX ACLs too: the group's bits are then the mask,
// the most that any named user or group has. The ACLs of macOS and of NFSv4 show
// in no bit and are not looked at.
//
// On Windows the owner, and whoever else the access control list lets write, is
// Administrators, SYSTEM, TrustedInstaller or this process's user. Others may add
// to a folder on the way, as to C:\ and C:\ProgramData, and may not delete or
// rename there. Links and junctions are refused.
//
// The log is a file of lines, each ended by one line feed. A line is in it as a
// whole or not at all, but where a writer was killed as it wrote: what it left
// then stands as a line of its own.
//
//	{"decision":"allowed","run_id":"42"}
//	{"decisi
//	{"decision":"refused","run_id":"44"}
package worker
