#!/usr/bin/env bash
# Runs a dbt project by dbt and, imported, by elt, in one scratch database, and compares every relation that
# both made: columns, types and rows (EXCEPT ALL both ways). Ends with 1 where something differs.
#
#   PGHOST=… PGPORT=… PGUSER=… PGDATABASE=scratch scripts/compare-with-dbt.sh DBT_PROJECT [DBT [ELT]]
#
# DBT is dbt's program (dbt), ELT elt's (target/release/elt). DBT_VARS is handed to dbt, e.g.
# '{load_source_data: true}'. The project's folder is copied, nothing in it changes. The database must be there
# for this alone: dbt writes to the schema dbt_side and to those its project names, elt to elt_raw, elt_stage,
# elt_prod and elt.
set -euo pipefail

project=$(cd "${1:?the folder of a dbt project}" && pwd)
dbt=${2:-dbt}
elt=$(realpath "${3:-$(dirname "$0")/../target/release/elt}")
vars=${DBT_VARS:-'{}'}
: "${PGDATABASE:?name a scratch database}" "${PGHOST:=localhost}" "${PGPORT:=5432}" "${PGUSER:=postgres}" "${PGPASSWORD:=none}"
export PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE DBT_SEND_ANONYMOUS_USAGE_STATS=0
unset DATABASE_URL

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$project" "$work/dbt"
ask() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

profile=$(sed -n "s/^profile: *[\"']\{0,1\}\([^\"' #]*\).*/\1/p" "$work/dbt/dbt_project.yml")
cat > "$work/dbt/profiles.yml" <<YAML
${profile:-default}:
  target: dev
  outputs:
    dev: {type: postgres, host: "$PGHOST", port: $PGPORT, user: "$PGUSER", password: "$PGPASSWORD", dbname: "$PGDATABASE", schema: dbt_side, threads: 4}
YAML

seconds() { # name, command…: its time on a line of its own
    local name=$1 begun ended
    shift
    begun=$(date +%s.%N)
    "$@" > "$work/log" 2>&1 || { cat "$work/log"; echo "$name failed"; exit 2; }
    ended=$(date +%s.%N)
    printf '%-12s %6.1f s\n' "$name" "$(echo "$ended - $begun" | bc)"
}

cd "$work/dbt"
rm -rf target dbt_packages
if [ -f packages.yml ] || [ -f dependencies.yml ]; then
    # A local package is named from where the project lies.
    sed -i.bak "s|local: *\.\./|local: $(dirname "$project")/|" packages.yml 2>/dev/null || true
    seconds "dbt deps" "$dbt" deps --profiles-dir .
fi
seconds "dbt seed" "$dbt" seed --profiles-dir . --vars "$vars"
seconds "dbt run" "$dbt" run --profiles-dir . --vars "$vars"
seconds "dbt test" "$dbt" test --profiles-dir . --vars "$vars"

cd "$work"
"$elt" import dbt --out elt_project
cat > elt_project/targets <<YAML
target: compare
targets:
  compare:
    url: "postgres://$PGUSER:{{ env_var('PGPASSWORD') }}@$PGHOST:$PGPORT/$PGDATABASE"
    schemas: {raw: elt_raw, stage: elt_stage, prod: elt_prod}
YAML
sed -n '/^vars:/,$p' elt_project/profiles.yml >> elt_project/targets
mv elt_project/targets elt_project/profiles.yml
cd elt_project
seconds "elt run" "$elt" run
seconds "elt test" "$elt" test

shape() { # schema, name: columns and types, in order
    ask "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute
         where attrelid = format('%I.%I', '$1', '$2')::regclass and attnum > 0 and not attisdropped"
}

differing=0
compared=0
printf '\n%-34s %-28s %10s  %s\n' "relation" "dbt's" "rows" "verdict"
while IFS=. read -r layer name; do
    theirs=$(ask "select table_schema from information_schema.tables where table_name = '$name'
                  and table_schema not in ('elt', 'elt_raw', 'elt_stage', 'elt_prod', 'pg_catalog', 'information_schema') limit 1")
    ours="elt_$layer"
    [ -n "$theirs" ] || { printf '%-34s %-28s %10s  %s\n' "$ours.$name" "none" "" "dbt made none"; continue; }
    exists=$(ask "select to_regclass(format('%I.%I', '$ours', '$name')) is not null")
    [ "$exists" = t ] || continue
    compared=$((compared + 1))
    rows=$(ask "select count(*) from \"$ours\".\"$name\"")
    verdict=same
    if [ "$(shape "$ours" "$name")" != "$(shape "$theirs" "$name")" ]; then
        verdict="columns differ: $(shape "$ours" "$name") | $(shape "$theirs" "$name")"
    else
        counts=$(ask "select (select count(*) from (select * from \"$ours\".\"$name\" except all select * from \"$theirs\".\"$name\") as a),
                             (select count(*) from (select * from \"$theirs\".\"$name\" except all select * from \"$ours\".\"$name\") as b)")
        [ "$counts" = "0|0" ] || verdict="rows differ (only elt's|only dbt's): $counts"
    fi
    [ "$verdict" = same ] || differing=$((differing + 1))
    printf '%-34s %-28s %10s  %s\n' "$ours.$name" "$theirs.$name" "$rows" "$verdict"
done < <("$elt" ls)
echo
echo "$compared relations compared, $differing differ"
[ "$differing" = 0 ] && [ "$compared" -gt 0 ]
