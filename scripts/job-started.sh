#!/bin/bash -p
# For a self-hosted runner on Linux or macOS: asks countersign whether the job may
# run. ACTIONS_RUNNER_HOOK_JOB_STARTED holds the path of this file; the runner
# starts it by `bash -e`, or `sh -e` where there is no bash.
#
# On a refusal countersign ends the runner's worker. This file does so where
# countersign is missing or broken or was killed: a hook that only fails leaves
# the steps with `if: always()` to run (actions/runner#2811).
set +e -f

/usr/local/bin/countersign hook --config /etc/countersign/hook.yml
status=$?
case $status in
0 | 1 | 3) exit "$status" ;; # it decided, and did what the config says
esac

reason="countersign ended with $status and decided nothing, so the job is refused"
echo "error: $reason" >&2
echo "hint: see to /usr/local/bin/countersign on this runner" >&2
/bin/sleep 2 # for the worker to send that on

pid=$PPID
while [ "$pid" -gt 1 ]; do
  # The form of stat is "<id> (<name>) <state> <parent> …" (proc_pid_stat(5)).
  if read -r stat 2>/dev/null <"/proc/$pid/stat"; then
    name=${stat#*\(}
    name=${name%\)*}
    set -- ${stat##*\) }
    parent=$2
  else
    name=$(/bin/ps -o comm= -p "$pid") # macOS gives the path
    name=${name##*/}
    parent=$(($(/bin/ps -o ppid= -p "$pid")))
  fi
  if [ "$name" = Runner.Worker ]; then
    # What is in the worker's own stderr, the runner's listener shows with the job.
    echo "$reason" 2>/dev/null >"/proc/$pid/fd/2"
    kill -KILL "$pid"
    break
  fi
  pid=$parent
done
exit 1
