/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a request was refused.
 */
#ifndef E2EE_REFUSAL_H
#define E2EE_REFUSAL_H

/**
 * struct e2ee_refusal - why a request was refused, for whoever asked
 * @msg: one line without full stop; NULL where the errno says all
 * @attr: attribute of the noun's nest that is to blame; 0 if none is
 */
struct e2ee_refusal {
	const char *msg;
	int attr;
};

/* "return e2ee_refuse(why, E2EE_A_KEY_KID, -EEXIST, "text")" */
static inline int e2ee_refuse(struct e2ee_refusal *why, int attr, int err,
			      const char *msg)
{
	why->msg = msg;
	why->attr = attr;
	return err;
}

#endif /* E2EE_REFUSAL_H */
