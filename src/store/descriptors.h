/* What the local store does with two open files: nothing here knows of stores and keys. */
#ifndef LAM_STORE_DESCRIPTORS_H
#define LAM_STORE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes mode, owner and extended attributes of `to` those of `from`. 0, or an errno value for what is not a matter of
 * rights. */
int lam_fd_copy_attributes(int from, int to);

/* Writes up to `size` bytes of `from`, from `offset` on, where `to` stands, within the kernel. *done is 0 where `from`
 * ends. 0, or an errno value; *offered is false where that says that the system does not do this between the two. */
int lam_fd_copy(int from, uint64_t offset, int to, size_t size, size_t *done, bool *offered);

/* Makes `fd` the directory that is at `path` now (`now` says which), if it is another one; it keeps its number, which
 * other threads may be using. 0, or an errno value. */
struct stat;
int lam_fd_follow(int fd, const char *path, const struct stat *now);

/* What tells two mounts apart, also of one file system: files are renamed within one only. Without Linux 5.8 the device
 * alone. `now` is what is at `path`. */
uint64_t lam_fd_device(int dir, const char *path, const struct stat *now);

#endif
