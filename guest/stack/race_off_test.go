//go:build !race

package stack

// raceDetector reports whether this is a test under the race detector.
const raceDetector = false
