// Macros that the routines share. A number is five registers, a limb each.

// CONSTANTS loads a Field: Z25..Z29 = modulus, Z30 = -1/modulus, Z31 = mask.
#define CONSTANTS(p) \
	VPBROADCASTQ 0(p), Z25; \
	VPBROADCASTQ 8(p), Z26; \
	VPBROADCASTQ 16(p), Z27; \
	VPBROADCASTQ 24(p), Z28; \
	VPBROADCASTQ 32(p), Z29; \
	VPBROADCASTQ 40(p), Z30; \
	MASK

#define MASK \
	MOVQ         $0xfffffffffffff, AX; \
	VPBROADCASTQ AX, Z31

#define LOAD(p, r0, r1, r2, r3, r4) \
	VMOVDQU64 0(p), r0; \
	VMOVDQU64 64(p), r1; \
	VMOVDQU64 128(p), r2; \
	VMOVDQU64 192(p), r3; \
	VMOVDQU64 256(p), r4

#define STORE(r0, r1, r2, r3, r4, p) \
	VMOVDQU64 r0, 0(p); \
	VMOVDQU64 r1, 64(p); \
	VMOVDQU64 r2, 128(p); \
	VMOVDQU64 r3, 192(p); \
	VMOVDQU64 r4, 256(p)

// One limb of y, at off(p), times x in Z0..Z4, and one limb of the Montgomery
// reduction. The low limb t0 becomes zero and its carry goes to t1.
#define ROUND(off, p, t0, t1, t2, t3, t4, t5) \
	VMOVDQU64   off(p), Z5; \
	VPXORQ      t5, t5, t5; \
	VPXORQ      Z6, Z6, Z6; \
	VPMADD52LUQ Z5, Z0, t0; \
	VPMADD52HUQ Z5, Z0, t1; \
	VPMADD52LUQ Z30, t0, Z6; \
	VPMADD52LUQ Z5, Z1, t1; \
	VPMADD52HUQ Z5, Z1, t2; \
	VPMADD52LUQ Z5, Z2, t2; \
	VPMADD52HUQ Z5, Z2, t3; \
	VPMADD52LUQ Z25, Z6, t0; \
	VPMADD52LUQ Z5, Z3, t3; \
	VPMADD52HUQ Z5, Z3, t4; \
	VPMADD52LUQ Z5, Z4, t4; \
	VPMADD52HUQ Z5, Z4, t5; \
	VPMADD52HUQ Z25, Z6, t1; \
	VPSRLQ      $52, t0, t0; \
	VPMADD52LUQ Z26, Z6, t1; \
	VPMADD52HUQ Z26, Z6, t2; \
	VPMADD52LUQ Z27, Z6, t2; \
	VPMADD52HUQ Z27, Z6, t3; \
	VPMADD52LUQ Z28, Z6, t3; \
	VPADDQ      t0, t1, t1; \
	VPMADD52HUQ Z28, Z6, t4; \
	VPMADD52LUQ Z29, Z6, t4; \
	VPMADD52HUQ Z29, Z6, t5

// CARRY makes limbs of 52 bits; the limbs may be negative before.
#define CARRY(r0, r1, r2, r3, r4, t) \
	VPSRAQ $52, r0, t; \
	VPANDQ Z31, r0, r0; \
	VPADDQ t, r1, r1; \
	VPSRAQ $52, r1, t; \
	VPANDQ Z31, r1, r1; \
	VPADDQ t, r2, r2; \
	VPSRAQ $52, r2, t; \
	VPANDQ Z31, r2, r2; \
	VPADDQ t, r3, r3; \
	VPSRAQ $52, r3, t; \
	VPANDQ Z31, r3, r3; \
	VPADDQ t, r4, r4

// MUL leaves x (Z0..Z4) times the number at p in Z15, Z10, Z11, Z12, Z13.
#define MUL(p) \
	VPXORQ Z10, Z10, Z10; \
	VPXORQ Z11, Z11, Z11; \
	VPXORQ Z12, Z12, Z12; \
	VPXORQ Z13, Z13, Z13; \
	VPXORQ Z14, Z14, Z14; \
	ROUND(0, p, Z10, Z11, Z12, Z13, Z14, Z15); \
	ROUND(64, p, Z11, Z12, Z13, Z14, Z15, Z10); \
	ROUND(128, p, Z12, Z13, Z14, Z15, Z10, Z11); \
	ROUND(192, p, Z13, Z14, Z15, Z10, Z11, Z12); \
	ROUND(256, p, Z14, Z15, Z10, Z11, Z12, Z13); \
	CARRY(Z15, Z10, Z11, Z12, Z13, Z6)

// TRANSPOSE turns eight rows of eight words, Z0..Z7, into columns, Z8..Z15.
#define TRANSPOSE \
	VPUNPCKLQDQ Z1, Z0, Z16; \
	VPUNPCKHQDQ Z1, Z0, Z17; \
	VPUNPCKLQDQ Z3, Z2, Z18; \
	VPUNPCKHQDQ Z3, Z2, Z19; \
	VPUNPCKLQDQ Z5, Z4, Z20; \
	VPUNPCKHQDQ Z5, Z4, Z21; \
	VPUNPCKLQDQ Z7, Z6, Z22; \
	VPUNPCKHQDQ Z7, Z6, Z23; \
	VSHUFI64X2  $0x88, Z18, Z16, Z0; \
	VSHUFI64X2  $0x88, Z19, Z17, Z1; \
	VSHUFI64X2  $0xdd, Z18, Z16, Z2; \
	VSHUFI64X2  $0xdd, Z19, Z17, Z3; \
	VSHUFI64X2  $0x88, Z22, Z20, Z4; \
	VSHUFI64X2  $0x88, Z23, Z21, Z5; \
	VSHUFI64X2  $0xdd, Z22, Z20, Z6; \
	VSHUFI64X2  $0xdd, Z23, Z21, Z7; \
	VSHUFI64X2  $0x88, Z4, Z0, Z8; \
	VSHUFI64X2  $0x88, Z5, Z1, Z9; \
	VSHUFI64X2  $0x88, Z6, Z2, Z10; \
	VSHUFI64X2  $0x88, Z7, Z3, Z11; \
	VSHUFI64X2  $0xdd, Z4, Z0, Z12; \
	VSHUFI64X2  $0xdd, Z5, Z1, Z13; \
	VSHUFI64X2  $0xdd, Z6, Z2, Z14; \
	VSHUFI64X2  $0xdd, Z7, Z3, Z15
