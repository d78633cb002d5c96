#!/usr/bin/env bash
# Runs the public ceph/s3-tests suite against a fresh larderd. Not part of CI: the suite is not ours to ship.
#   tests/s3/run_s3_tests.sh CHECKOUT [pytest arguments…]
# CHECKOUT is a clone of github.com/ceph/s3-tests; PYTHON names an interpreter with boto3, pytest, pytest-xdist, munch,
# isodate, httplib2, lxml, gevent, requests, pyyaml and pytz. The profile is the one of docs/s3-compatibility.md.
set -euo pipefail
checkout=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${LARDER_BIN:-$here/build/release/bin}
python=${PYTHON:-python3}
work=$(mktemp -d)
port=${S3TEST_PORT:-3955}
"$bin/larderd" --quick-start --data "$work/data" --s3 "127.0.0.1:$port" --health none >"$work/larderd.log" 2>&1 &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null; rm -rf "$work"' EXIT
export LARDER_SOCKET=$work/data/admin.sock
until [ -S "$LARDER_SOCKET" ] && "$bin/larder" status >/dev/null 2>&1; do kill -0 $daemon; done

section() { # section NAME
    local key
    key=$("$bin/larder" --json key create "$1" --create-buckets)
    local id secret
    id=$("$python" -c 'import json,sys; print(json.loads(sys.argv[1])["id"])' "$key")
    secret=$("$python" -c 'import json,sys; print(json.loads(sys.argv[1])["secret"])' "$key")
    printf 'display_name = %s\nuser_id = %s\nemail = %s@example.org\naccess_key = %s\nsecret_key = %s\napi_name = default\n' \
        "$1" "$id" "$1" "$id" "$secret"
}
{
    printf '[DEFAULT]\nhost = 127.0.0.1\nport = %s\nis_secure = False\nssl_verify = False\n\n' "$port"
    printf '[fixtures]\nbucket prefix = larder-{random}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n\n'
    printf '[s3 main]\n' && section main
    printf '\n[s3 alt]\n' && section alt
    printf '\n[s3 tenant]\n' && section tenant && printf 'tenant = testx\n'
    for name in 'iam' 'iam root' 'iam alt root'; do
        printf '\n[%s]\nemail = x@example.org\nuser_id = x\naccess_key = x\nsecret_key = x\ndisplay_name = x\n' "$name"
    done
} >"$work/s3tests.conf"

marks='not bucket_logging'
for other in bucket_logging_cleanup cloud_transition cloud_restore lifecycle_transition fails_on_rgw iam_account \
    iam_user target_by_bucket auth_aws2; do
    marks+=" and not $other"
done
cd "$checkout"
S3TEST_CONF=$work/s3tests.conf "$python" -m pytest -p no:cacheprovider -q -m "$marks" -k "not kms and not tenant" \
    s3tests/functional/test_s3.py s3tests/functional/test_headers.py "$@"
