package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// How long a file and a function may be, in lines: what is longer is more than one
// idea.
const (
	longestFile     = 500
	longestFunction = 80
)

// TestSizes holds every file and every function to that, but for the functions of
// tests, which have tables in them.
func TestSizes(t *testing.T) {
	for _, file := range trackedFiles(t, "*.go") {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join(moduleTop, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		line := func(p token.Pos) int { return set.Position(p).Line }
		if n := line(f.FileEnd); n > longestFile {
			t.Errorf("%s has %d lines", file, n)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := line(fn.End()) - line(fn.Pos()) + 1; n > longestFunction {
					t.Errorf("%s: %s has %d lines", file, fn.Name.Name, n)
				}
			}
		}
	}
}
