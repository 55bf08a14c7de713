// Package synth makes people who do not exist: iris codes and face vectors whose
// statistics are those of real ones, from a seed.
//
//	crowd := synth.New(1)
//	p := crowd.Person(7)
//	enrolled := p.Sample(0)      // both eyes, as one capture sees them
//	again := p.Sample(1)         // the same person, another day
//
// It is the test bed of everything that compares templates, and the crowd of
// the demonstration. Thresholds are never tested on independent random bits:
// over 31 rotations their minimum distance never falls under .47, so any
// threshold looks safe on them. Irises have about 249 degrees of freedom, not
// 12,800, and that is what the false hit rate follows from.
//
// # Irises (biometrics.md section 2)
//
// A texture is a Gaussian field of 148 x 512 points (radius x angle), with
// periodic exponential correlation along the angle (coefficient .9) and AR(1)
// correlation along the radius (coefficient Radial). The two wavelets of the
// open-iris filter bank (41 x 21 points, sigma 7 and 6.13, wavelength 28; 17 x
// 21, 2 and 5.86, 8), DC-corrected and stretched along the angle by 1.45 and 1.6,
// are sampled at 16 rows by cols columns; the signs of the real and imaginary
// response are the code.
//
// A capture of a person is the person's texture plus a fresh one of strength
// Noise times a lognormal factor, turned by up to MaxTurn columns, with a mask
// of the weakest tenth of the responses, two eyelids and a specular reflection.
//
// Measured by the tests: impostor mean .500 with about 245 degrees of freedom
// (Daugman's irises: 249), minimum over 31 rotations .442 +- .018, genuine mean
// .12. It does not model what real populations also have: dilation, lenses,
// disease, gaze, sensors that differ, twins, attacks. A threshold that fails
// here is wrong; one that passes here still needs real data.
//
// # Faces
//
// A face vector is a unit vector around a common mean with the spread of face
// descriptors: strangers mostly between .6 and 1.1, the same person about .34.
// As with real ones (package face), strangers do come below the threshold of
// .55 in a crowd of some hundreds.
//
// # Cost and determinism
//
// One eye of one capture costs about half a millisecond: the filters are
// separable, and the radial half of field and filter together is sampled by its
// own covariance (see field.go). The same seed gives the same people on the
// same architecture and Go release; nothing but tests may depend on more.
package synth
