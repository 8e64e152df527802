package worker

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What changes a file or a folder, or what it is trusted for. Whoever may write
// its attributes can make a link of it.
const (
	writes = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.FILE_WRITE_EA |
		windows.FILE_WRITE_ATTRIBUTES | passes
	// passes is what of it changes the way through a folder that is not empty.
	// Others may add to such a folder (the bits of FILE_WRITE_DATA and
	// FILE_APPEND_DATA); it cannot become a link while something is in it.
	passes = fileDeleteChild | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_WRITE | windows.GENERIC_ALL | windows.MAXIMUM_ALLOWED
	fileDeleteChild = 0x40
)

// trustedInstaller owns what Windows is made of.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// ownerRights stands in an access control list for whoever owns the file.
const ownerRights = "S-1-3-4"

func openTrusted(path string) (*os.File, error) { return open(path, os.O_RDONLY) }

// openTrustedLog does not use O_APPEND, with which Windows lets nobody take back
// what was written: the lock keeps other writers away.
func openTrustedLog(path string) (*os.File, error) { return open(path, os.O_RDWR|os.O_CREATE) }

func open(path string, flag int) (*os.File, error) {
	if err := checkFolders(path, filepath.Dir(path)); err != nil {
		return nil, err
	}
	before, err := os.Lstat(path)
	if err != nil && (flag&os.O_CREATE == 0 || !os.IsNotExist(err)) {
		return nil, unreadable(path, path, err)
	}
	if err == nil && !before.Mode().IsRegular() {
		return nil, irregular(path, path)
	}
	f, err := os.OpenFile(path, flag|windows.O_FILE_FLAG_OPEN_REPARSE_POINT, 0o600)
	if err != nil {
		return nil, unreadable(path, path, err)
	}
	if _, err = opened(path, f, before); err == nil {
		var sd *windows.SECURITY_DESCRIPTOR
		sd, err = windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, information)
		err = check(path, path, sd, err, writes)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func checkTrustedDir(path string) error {
	if err := checkFolders(path, path); err != nil {
		return err
	}
	return checkFolder(path, path, writes)
}

// checkFolders looks at every folder from the drive to dir. A path is one on a
// drive: what a share or a device name leads to is not known here.
func checkFolders(file, dir string) error {
	drive := filepath.VolumeName(file)
	if !filepath.IsAbs(file) || len(drive) != 2 || drive[1] != ':' || strings.Contains(file[2:], ":") {
		return &TrustError{file, file, "is not an absolute path on a drive", `write it from the drive on, such as C:\ProgramData\countersign`, nil}
	}
	at := drive + `\`
	if err := checkFolder(file, at, passes); err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.Trim(filepath.Clean(dir)[2:], `\`), `\`) {
		at = filepath.Join(at, name)
		if err := checkFolder(file, at, passes); err != nil {
			return err
		}
	}
	return nil
}

func checkFolder(file, path string, denied windows.ACCESS_MASK) error {
	info, err := os.Lstat(path)
	if err != nil {
		return unreadable(file, path, err)
	}
	if !info.IsDir() || info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
		return noFolder(file, path)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, information)
	return check(file, path, sd, err, denied)
}

const information = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION

// check tells whether anybody else than those who are trusted owns what lies at a
// path, or may do there what is denied. It is handed the descriptor and the error
// of the call that got it.
func check(file, path string, sd *windows.SECURITY_DESCRIPTOR, err error, denied windows.ACCESS_MASK) error {
	unknown := func(err error) error {
		return &TrustError{file, path, "does not tell who may write it", "check its permissions with icacls", err}
	}
	if err != nil {
		return unknown(err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return unknown(err)
	}
	if ok, err := trusted(owner); err != nil || !ok {
		if err != nil {
			return unknown(err)
		}
		return &TrustError{file, path, "belongs to " + owner.String() + ", not to Administrators, SYSTEM or the user of this process",
			fmt.Sprintf(`run: icacls "%s" /setowner *S-1-5-32-544`, path), nil}
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil {
		return unknown(err) // without a list everybody may do everything
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return unknown(err)
		}
		switch {
		case ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0, ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE:
			continue
		case ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE:
			return unknown(nil) // it has another form, or a condition
		case ace.Mask&denied == 0:
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		ok, err := trusted(who)
		if err != nil {
			return unknown(err)
		}
		if !ok && who.String() != ownerRights {
			return &TrustError{file, path, "may be written by " + who.String(),
				fmt.Sprintf(`run: icacls "%s" /inheritance:d /remove:g *%s`, path, who), nil}
		}
	}
	return nil
}

// trusted tells whether a SID is that of Administrators, SYSTEM, TrustedInstaller
// or the user of this process.
func trusted(sid *windows.SID) (bool, error) {
	if sid == nil {
		return false, nil
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return false, err
	}
	return sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) || sid.IsWellKnown(windows.WinLocalSystemSid) ||
		sid.Equals(user.User.Sid) || sid.String() == trustedInstaller, nil
}
