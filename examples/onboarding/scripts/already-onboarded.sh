#!/bin/sh
# Preflight: exit 0 when there is nothing left to do on this Mac.
if [ -e /Library/Acme/onboarded ]; then
    echo "onboarded on $(cat /Library/Acme/onboarded)"
    exit 0
fi
echo "a new Mac with macOS $(sw_vers -productVersion)"
exit 1
