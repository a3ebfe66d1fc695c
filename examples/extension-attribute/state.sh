#!/bin/sh
# Extension attribute: the state of the last enrolment run on this Mac, in one word, for smart groups.
#
#   running, ok, failed, aborted or paused, or: never run

file='/Library/Application Support/ias/status.txt'

state=''
if [ -r "$file" ]; then
    state=$(head -n 1 "$file" | cut -d ' ' -f 2 | tr -cd 'a-z')
fi
printf '<result>%s</result>\n' "${state:-never run}"
