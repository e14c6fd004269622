// Package sqlkeys keeps the keys of requests in a SQL database.
package sqlkeys
