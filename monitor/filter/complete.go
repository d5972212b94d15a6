package filter

// want is something that could stand where a text ends.
type want struct {
	what  wantKind
	field Field
}

type wantKind uint8

const (
	wantTerm     wantKind = iota // a condition
	wantJoin                     // and, or, a closing bracket
	wantOperator                 // ==, <, in …
	wantValue                    // a value of the field
	wantInSet                    // , or }
	wantHas                      // a field after has
)

// expect notes what could come next if the text ends here.
func (p *parser) expect(w want) {
	if p.peek().kind == tokEnd {
		p.wants = append(p.wants, w)
	}
}
