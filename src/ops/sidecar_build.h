/* Sidecars of a directory that is open already (tests bring their stores). */
#ifndef LAM_OPS_SIDECAR_BUILD_H
#define LAM_OPS_SIDECAR_BUILD_H

#include "lamella/sidecar.h"
#include "table/directory.h"

/* As lam_sidecar_build, within the account that the directory was opened with. */
enum lam_status lam_sidecar_build_directory(struct lam_directory *directory,
                                            const struct lam_sidecar_build_options *options, lam_fault_fn each,
                                            void *user, struct lam_sidecar_build_result *result,
                                            struct lam_error *error);

#endif
