// Package tender carries the sources that an image is built from, so that an
// installed tender command can build images without a checkout.
package tender

import "embed"

// Sources holds the packages below abi/ and guest/ of this module.
//
//go:embed abi guest
var Sources embed.FS

// GoMod and GoSum name the versions of the modules that the guest packages
// use.
var (
	//go:embed go.mod
	GoMod []byte
	//go:embed go.sum
	GoSum []byte
)
