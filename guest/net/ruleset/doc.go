// Package ruleset has the tables that compiled rules look things up in: from
// the value of a field to the number of the rule that holds for it, in a time
// that grows with the logarithm of their number at most. Tables are made at the
// start, never change, and may be used by several goroutines; a lookup does not
// allocate.
//
// A table is made of intervals: the first value of each, in order, and the
// number that holds from there up to the next. What is below the first has the
// number 0.
package ruleset
