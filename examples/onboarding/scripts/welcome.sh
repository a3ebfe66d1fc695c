#!/bin/sh
# Runs as the person who has logged in.
echo "hello $(id -un)"
mkdir -p "$HOME/Documents/Welcome to Acme"
osascript -e 'display notification "Your Mac is being set up." with title "Welcome to Acme"'
