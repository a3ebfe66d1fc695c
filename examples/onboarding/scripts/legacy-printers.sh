#!/bin/sh
# The print server of the old office; it has been off for a while, and onboarding must not stop for it.
echo "looking for print.old-office.acme.example"
sleep 1
echo "print.old-office.acme.example does not answer" >&2
exit 3
