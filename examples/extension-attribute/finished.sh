#!/bin/sh
# Extension attribute of the kind "date": when the last enrolment run on this Mac last said something, in UTC. Nothing, if there
# was none: a date has no word for that.
#
#   2026-03-01 10:15:30

file='/Library/Application Support/ias/status.txt'

date=''
if [ -r "$file" ]; then
    date=$(head -n 1 "$file" | sed -n -e 's/^\([0-9-]*\)T\([0-9:]*\)Z .*/\1 \2/p')
fi
printf '<result>%s</result>\n' "$date"
