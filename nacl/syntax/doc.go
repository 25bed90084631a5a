// Package syntax reads NaCl: a text becomes tokens and a tree of its
// declarations. It knows the grammar and the literals, not what names mean.
//
// A text of any content and size is read in time proportional to its length, with bounded
// nesting, and never panics: what cannot be read is a diagnostic, and reading
// goes on behind it.
package syntax
