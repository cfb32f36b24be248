/* SPDX-License-Identifier: GPL-2.0 */
#ifndef E2EE_VERSION_H
#define E2EE_VERSION_H

#define E2EE_VERSION	"0.1.0"

#endif /* E2EE_VERSION_H */
