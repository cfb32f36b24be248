#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who leaves a call, or is put out of it, opens nothing of what is sent after.
exec "$(dirname "$(realpath "$0")")/hardening/leave" short
