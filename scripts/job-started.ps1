# For a self-hosted runner on Windows: asks countersign whether the job may run.
# ACTIONS_RUNNER_HOOK_JOB_STARTED holds the path of this file.
#
# On a refusal countersign ends the runner's worker. This file does so where
# countersign is missing or broken or was killed: a hook that only fails leaves
# the steps with `if: always()` to run (actions/runner#2811).
$ErrorActionPreference = 'Continue'

$status = 'no exit code'
try {
    & 'C:\Program Files\Countersign\countersign.exe' hook --config 'C:\ProgramData\Countersign\hook.yml'
    $status = $LASTEXITCODE
} catch {
    [Console]::Error.WriteLine("error: $_")
}
if ((0, 1, 3) -contains $status) {
    exit $status # it decided, and did what the config says
}

[Console]::Error.WriteLine("error: countersign ended with $status and decided nothing, so the job is refused")
[Console]::Error.WriteLine('hint: see to C:\Program Files\Countersign on this runner')
Start-Sleep -Seconds 2 # for the worker to send that on

$child = Get-CimInstance Win32_Process -Filter "ProcessId = $PID"
foreach ($i in 1..64) {
    if (-not $child) { break }
    $parent = Get-CimInstance Win32_Process -Filter "ProcessId = $($child.ParentProcessId)"
    # A parent that is younger has the id of one that has ended.
    if (-not $parent -or $parent.CreationDate -gt $child.CreationDate) { break }
    if ($parent.Name -eq 'Runner.Worker.exe') {
        Stop-Process -Id $parent.ProcessId -Force
        break
    }
    $child = $parent
}
exit 1
