/*
 * Compiles only if tencentsm_min.h says of libTencentSM what the library's own
 * header says. Run it with "make check-tencentsm-header".
 */
#include <tencentsm/sm.h>

/* Our declarations under names of their own, on the header's types. */
#define HMACSIGN_SYSTEM_TYPES
#define HMACSIGN_WEAK
#define version min_version
#define SM3Init min_SM3Init
#define SM3Update min_SM3Update
#define SM3Final min_SM3Final
#define SM3CtxSize min_SM3CtxSize
#define SM3_HMAC min_SM3_HMAC
#define SM3_HMAC_Init min_SM3_HMAC_Init
#define SM3_HMAC_Update min_SM3_HMAC_Update
#define SM3_HMAC_Final min_SM3_HMAC_Final
#define initTencentSM min_initTencentSM
#define initTencentSMWithCert min_initTencentSMWithCert
#include "tencentsm_min.h"
#undef version
#undef SM3Init
#undef SM3Update
#undef SM3Final
#undef SM3CtxSize
#undef SM3_HMAC
#undef SM3_HMAC_Init
#undef SM3_HMAC_Update
#undef SM3_HMAC_Final
#undef initTencentSM
#undef initTencentSMWithCert

#define SAME(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define CHECK(name) _Static_assert(SAME(name, min_##name), #name " is declared differently")
/* Where the editions differ, a result of void or int is right. */
#define CHECK_RESULT(name, ...) \
  _Static_assert(SAME(name, min_##name) || SAME(name, int(__VA_ARGS__)), #name " is declared differently")

CHECK(version);
CHECK_RESULT(SM3Init, sm3_ctx_t *);
CHECK_RESULT(SM3Update, sm3_ctx_t *, const unsigned char *, size_t);
CHECK_RESULT(SM3Final, sm3_ctx_t *, unsigned char *);
CHECK(SM3CtxSize);
CHECK(SM3_HMAC);
CHECK(SM3_HMAC_Init);
CHECK(SM3_HMAC_Update);
CHECK(SM3_HMAC_Final);
#ifdef CHECK_PRO
CHECK(initTencentSM);
CHECK(initTencentSMWithCert);
#endif

typedef struct {
  uint32_t digest[8];
  int nblocks;
  unsigned char block[64];
  int num;
} min_ctx;
#define CHECK_FIELD(field)                                                           \
  _Static_assert(offsetof(sm3_ctx_t, field) == offsetof(min_ctx, field) &&           \
                     SAME(((sm3_ctx_t *)0)->field, ((min_ctx *)0)->field),           \
                 "sm3_ctx_t." #field " is different")
_Static_assert(sizeof(sm3_ctx_t) == sizeof(min_ctx), "sm3_ctx_t has another size");
CHECK_FIELD(digest);
CHECK_FIELD(nblocks);
CHECK_FIELD(block);
CHECK_FIELD(num);
