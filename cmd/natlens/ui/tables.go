package ui

// Tables are the tables of the configuration files that only the user interface reads.
var Tables = []string{"colours", "columns", "keys", "views"}
