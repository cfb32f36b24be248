// SPDX-License-Identifier: GPL-2.0
/*
 * The suites' own copy of the code under test. e2ee.ko exports nothing, and
 * kbuild does not want one object file in two modules.
 */
#include "digest_small.h"
#include "../aead.c"
#include "../digest.c"
#include "../floor.c"
#include "../wire/replay.c"
#include "../wire/rtcp.c"
#include "../wire/rtp.c"
#include "../wire/sframe.c"
#include "../share.c"
