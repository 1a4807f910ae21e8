#!/usr/bin/env bash
# Run the tests of the Spark engine on Apache Spark itself: install it, start its Connect server, test, stop it.
#
# Needs Java 17 or newer; on Debian 12: apt-get install openjdk-17-jre-headless. The installation (half a gigabyte)
# stays in data/runtime/spark. Arguments are pytest's, and take the place of those that leave out the cases of rules
# beyond one each: -m 'slow or not slow' runs them all, for hours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly version=4.2.0
readonly home=data/runtime/spark
readonly port=${SPARK_TEST_PORT:-15002}

say() { printf 'test-spark: %s\n' "$*" >&2; }

if ! command -v java >/dev/null; then
    say 'Java is not installed. Remedy: apt-get install openjdk-17-jre-headless'
    exit 1
fi
if [ ! -x "$home/bin/python" ]; then
    say "installing Apache Spark $version into $home"
    .venv/bin/uv venv --quiet --python .venv/bin/python "$home"
    .venv/bin/uv pip install --quiet --python "$home/bin/python" "pyspark==$version"
fi
SPARK_HOME=$("$home/bin/python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
export SPARK_HOME

# Compiling a plan takes longer than running it over a few rows, and a second partition more than it saves.
"$SPARK_HOME/bin/spark-submit" --class org.apache.spark.sql.connect.service.SparkConnectServer \
    --master 'local[2]' --driver-memory 2g --conf "spark.connect.grpc.binding.port=$port" \
    --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=1 --conf spark.sql.adaptive.enabled=false \
    --conf spark.sql.codegen.wholeStage=false --conf spark.sql.codegen.factoryMode=NO_CODEGEN \
    spark-internal >"$home/server.log" 2>&1 &
readonly server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT

for _ in $(seq 120); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { say "the server has ended; see $home/server.log"; exit 1; }
    sleep 1
done
[ $# -gt 0 ] || set -- -m 'slow or not slow' -k 'not every_case'
SPARK_TEST_URL="sc://127.0.0.1:$port" .venv/bin/pytest fulfillment_pipelines_tests/spark "$@"
