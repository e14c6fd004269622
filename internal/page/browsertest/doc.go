// Package browsertest holds the tests of the signature page in real browsers. They are a
// module of their own, for what drives the browsers is nothing that the page needs.
package browsertest
