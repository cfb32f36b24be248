#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who leaves a call, or is put out of it, opens nothing of what is sent after;
# with E2EE_LONG whatever a broker does for 12 minutes.
exec "$(dirname "$(realpath "$0")")/hardening/leave" "${E2EE_LONG:+long}"
