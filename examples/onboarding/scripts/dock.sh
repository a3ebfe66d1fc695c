#!/bin/zsh
# Only what most people use in their first week.
set -e
defaults write com.apple.dock autohide -bool true
defaults write com.apple.dock tilesize -int 48
sleep 1
echo "the Dock has a size of $(defaults read com.apple.dock tilesize)"
