#!/usr/bin/env bash
# A sweep on the nodes of a Slurm job: Ray on each of them, `python -m search.run` on the first.
#
#   sbatch --nodes=4 --exclusive --mem=0 --gpus-per-node=4 --time=24:00:00 search/launch/slurm.sh \
#       spaces/cifar10/friendly_k.yaml --results DIR
#
# Whole nodes (--exclusive, with all their memory) are simplest. Of a part of each say how many CPUs, too, as Slurm
# gives a node's task one: --cpus-per-task=16 for 4 GPUs with two trials each (`resources: {cpus: 2, gpus: 0.5}`).
# Submit it from the checkout, with the environment active that all nodes have; what follows the script's name goes to
# search.run. DIR must be seen by every node. Two minutes before its time is up the job stores where every trial is and
# ends with 143 (--signal=B:TERM@600 gives trials of longer epochs ten); with SEARCH_REQUEUE=1 in the environment it
# then queues itself again, and goes on. To stop it in between without loss: scancel --signal=TERM --batch JOB.
#
#SBATCH --job-name=robust-search
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --signal=B:TERM@120
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out

# shellcheck disable=SC2329  # functions that traps and `attended` call
set -euo pipefail
umask 077

: "${SLURM_JOB_ID:?is set by Slurm; submit this script by sbatch}"
if (($# == 0)); then
    echo "error: name a space after the script, such as spaces/cifar10/friendly_k.yaml" >&2
    exit 2
fi
for word in "$@"; do
    if ((${SLURM_RESTART_COUNT:-0})) && [[ $word == --f* || $word == --add-t* ]]; then
        echo "error: $word was asked for once, and this job is queued again; submit it without, and it goes on" >&2
        exit 2
    fi
done

steps=() # process ids of the job steps
child='' # process id of what is waited for
told=''  # whether Slurm has asked to stop
again='' # whether a wait was cut short by it

stop() {
    told=yes again=yes
    [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true
}

finish() {
    local code=$?
    trap - EXIT
    trap : TERM
    if ((${#steps[@]})); then
        kill "${steps[@]}" 2>/dev/null || true
        wait "${steps[@]}" || true
    fi
    exit "$code"
}

# Runs a command that hears of Slurm's signal at once, which a shell in the foreground would keep to itself.
attended() {
    local code=0
    [[ -z $told ]] || exit 143
    "$@" &
    child=$! again=yes
    [[ -z $told ]] || kill -TERM "$child" 2>/dev/null || true # told between these lines
    while [[ -n $again ]]; do
        again='' code=0
        wait "$child" || code=$?
    done
    child=''
    return "$code"
}

# Ray on some nodes, until the step is ended. Its folder needs a short path, for it holds sockets; Ray lets everybody
# write there, so that it lies in one that is closed to others, under a name that nobody can take before.
ray_on() { # HOW MANY, THEIR NAMES, OPTIONS...
    local count=$1 names=$2
    shift 2
    # shellcheck disable=SC2016  # each node's own shell is to expand it
    srun --nodes="$count" --ntasks="$count" --nodelist="$names" --cpu-bind=none --kill-on-bad-exit=0 bash -c '
        folder=$(mktemp -d "/tmp/ray-$SLURM_JOB_ID-XXXXXX") || exit
        ray start "$@" --block --disable-usage-stats --temp-dir="$folder/ray" --num-cpus="$SLURM_CPUS_ON_NODE" \
            --min-worker-port=0 --max-worker-port=0 >/dev/null &
        trap "kill $! 2>/dev/null" TERM
        wait || wait
        rm -rf "$folder"
    ' ray "$@" &
    steps+=($!)
}

# Until so many nodes are there; after ten minutes what is there must do, if anything is.
nodes_joined() {
    python - "$1" <<'PYTHON'
import os, socket, sys, time

wanted, until = int(sys.argv[1]), time.monotonic() + 600
host, _, port = os.environ["RAY_ADDRESS"].rpartition(":")
while True:
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        break
    except OSError as error:
        if time.monotonic() > until:
            sys.exit(f"error: no Ray answers at {host}:{port}: {error}")
        time.sleep(0.5)
import ray

ray.init(log_to_driver=False, logging_level="CRITICAL")
while (there := sum(node["Alive"] for node in ray.nodes())) < wanted and time.monotonic() < until:
    time.sleep(0.5)
if there < wanted:
    print(f"note: only {there} of {wanted} nodes have joined; going on with them", file=sys.stderr)
PYTHON
}

trap finish EXIT
trap stop TERM

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
port=$((20000 + SLURM_JOB_ID % 12000)) # below those that systems hand out by themselves
ip=$(python -c 'import ray.util; print(ray.util.get_node_ip_address())')
export RAY_ADDRESS=$ip:$port
export RAY_AUTH_MODE=token # for Ray listens on every interface
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN
export SEARCH_ENDS_AT=${SLURM_JOB_END_TIME:-} # so long may the last epochs take that the sweep is asked to store

ray_on 1 "${nodes[0]}" --head --node-ip-address="$ip" --port="$port" --include-dashboard=false
attended nodes_joined 1
if ((${#nodes[@]} > 1)); then
    ray_on $((${#nodes[@]} - 1)) "$(IFS=, && echo "${nodes[*]:1}")" --address="$RAY_ADDRESS"
    attended nodes_joined "${#nodes[@]}"
fi

code=0
attended python -m search.run "$@" --address "$RAY_ADDRESS" || code=$?

if [[ -n $told && $code == 143 && ${SEARCH_REQUEUE:-} == 1 ]] && ((${SLURM_JOB_END_TIME:-0} < $(date +%s) + 900)); then
    scontrol requeue "$SLURM_JOB_ID" # its time was up; the same command carries on
fi
exit "$code"
