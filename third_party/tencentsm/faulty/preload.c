/* A part of libTencentSM that comes from another file, for tests only: see
 * README.md. */
#ifdef PRELOAD_LOADER
#define _GNU_SOURCE
#include <dlfcn.h>
#endif
#include <stddef.h>

#ifdef PRELOAD_VERSION
const char *version(void) { return "1.7.3-2"; }
#endif

#ifdef PRELOAD_SM3
int SM3Init(void *ctx) { return ctx == NULL; }
int SM3Update(void *ctx, const unsigned char *data, size_t len) { return !ctx || !data || len == (size_t)-1; }
int SM3Final(void *ctx, unsigned char *digest) { return !ctx || !digest; }
#endif

#ifdef PRELOAD_LICENSE
int initTencentSM(const char *appid, const char *token) { return !appid || !token; }
#endif

#ifdef PRELOAD_LOADER
/* All come from one file, says the loader that is asked. */
const char *version(void) { return "1.7.3-2"; }
int dladdr(const void *address, Dl_info *info) {
  info->dli_fname = "/usr/lib64/libTencentSM.so";
  info->dli_fbase = (void *)info->dli_fname;
  return address != NULL;
}
#endif
