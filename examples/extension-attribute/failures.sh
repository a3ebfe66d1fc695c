#!/bin/sh
# Extension attribute: what failed in the last enrolment run on this Mac, and why; or: none, or: never run.
#
#   Slack digest mismatch, Zoom download failed

file='/Library/Application Support/ias/status.txt'

failures=''
if [ -r "$file" ]; then
    line=$(head -n 1 "$file" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g')
    case $line in
    *'Z failed '*': '*) failures=$(printf '%s\n' "${line#*skipped: }" | sed -e 's/, run [^ ]*$//') ;;
    *'Z aborted '*) failures=$(printf '%s\n' "${line#*Z aborted }" | sed -e 's/, run [^ ]*$//') ;;
    ?*) failures=none ;;
    esac
fi
printf '<result>%s</result>\n' "${failures:-never run}"
