// Package flows is the page Flows of the terminal UI: the live table, one row a flow.
//
// The page holds the rows around its cursor, three screens up and down, and asks the table
// for others with each frame. The layout chooses the columns that the width has room for.
package flows
