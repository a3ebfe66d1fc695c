#!/bin/sh
# Extension attribute: how the last enrolment run on this Mac ended, in one line.
#
#   2026-03-01T10:15:30Z ok 12 installed, 3 current, 0 failed, 0 skipped, run 7f3a
#
# The second word is running, ok, failed, aborted or paused: a smart group can ask for "like: Z failed ".
# The line is a file of its own, replaced as a whole, so a log that is just being written is not read.

file='/Library/Application Support/ias/status.txt'

line=''
if [ -r "$file" ]; then
    line=$(head -n 1 "$file" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g')
fi
printf '<result>%s</result>\n' "${line:-never run}"
