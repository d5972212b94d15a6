package paint

import "strings"

// signs are what ASCII has instead of the signs that the UI uses, as wide as these.
var signs = func() map[rune]string {
	pairs := strings.Fields("→ > ← < ⇒ = ↑ ^ ↓ v ▲ ^ ▼ v … ~ – - − - ─ - ━ = ╸ - ▌ > ▶ > ❚ | ● * × x · . ✓ + ✗ x " +
		"▁ _ ▂ . ▃ : ▄ - ▅ = ▆ + ▇ * █ #")
	m := make(map[rune]string)
	for i := 0; i < len(pairs); i += 2 {
		m[[]rune(pairs[i])[0]] = pairs[i+1]
	}
	return m
}()

// ASCII returns the style for a terminal that shows ASCII only, as one with LC_ALL=C.
// Characters that ASCII has nothing for become question marks.
func (s Style) ASCII() Style {
	s.ascii = true
	return s
}

// ascii writes text in ASCII, in as many cells.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		sign, ok := signs[r]
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case ok:
			b.WriteString(sign)
		default:
			b.WriteString(strings.Repeat("?", Width(string(r))))
		}
	}
	return b.String()
}
