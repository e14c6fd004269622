// Package kernels holds every kernel of package sm3 to other libraries, on random
// cases.
package kernels
