package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"

	sdkweb "github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/sdk/web/face"
)

// tongue is what the enrolment page itself says in a language; what its script
// says is in issuer/lang.
type tongue struct {
	Lang, Title, About string
	Steps              [3]string
	StepsLabel, Enrol  string
	NeedsScript        string
	Record             string
}

// tongues are the page's languages, those of the wallet. The first is for who
// speaks none of them.
func tongues() []tongue {
	return []tongue{
		{"en", "Enrol as a unique person", "Enrol once as a unique person: what is measured, who compares it, what is kept and how to delete it.",
			[3]string{"Consent", "Capture", "Done"}, "Steps", "Enrol once, as one person",
			"A capture needs JavaScript, and a wallet that opens this page. What you would agree to can be read here.",
			"What this issuer has done so far, in public"},
		{"de", "Als ein Mensch anmelden", "Einmal als ein Mensch anmelden: was gemessen wird, wer es vergleicht, was aufbewahrt wird und wie Sie es löschen.",
			[3]string{"Zustimmung", "Aufnahme", "Fertig"}, "Schritte", "Einmal anmelden, als ein Mensch",
			"Eine Aufnahme braucht JavaScript und eine Wallet, die diese Seite öffnet. Dem würden Sie zustimmen:",
			"Was dieser Aussteller bisher getan hat, öffentlich"},
		{"es", "Inscribirse como una persona", "Inscribirse una vez como una persona: qué se mide, quién lo compara, qué se conserva y cómo borrarlo.",
			[3]string{"Acuerdo", "Captura", "Listo"}, "Pasos", "Inscríbase una vez, como una persona",
			"Una captura necesita JavaScript y una cartera que abra esta página. Aquí puede leer lo que aceptaría.",
			"Lo que este emisor ha hecho hasta ahora, en público"},
		{"zh", "作为一个人登记", "作为一个人登记一次：测量什么，由谁比对，保存什么，以及如何删除。",
			[3]string{"同意", "采集", "完成"}, "步骤", "作为一个人，登记一次",
			"采集需要 JavaScript，以及打开此页面的钱包。您将同意的内容可在此阅读。",
			"该发行方至今所做的一切（公开）"},
	}
}

// ConsentText is what a person agrees to before a capture, word for word. Its
// hash in the capture envelope is capture.ConsentHash(Language, string(Text)).
type ConsentText struct {
	Language string
	Text     []byte
}

// Consents gives the consent text in every language of the page, English first.
// With split, three parties compare people: the paragraphs that differ then, each
// under its heading, are those of the files for parties.
func Consents(split bool) ([]ConsentText, error) {
	var out []ConsentText
	for _, in := range tongues() {
		text, err := embedded.ReadFile("issuer/consent/" + in.Lang + ".txt")
		if err != nil {
			return nil, err
		}
		if split {
			if text, err = withParties(text, in.Lang); err != nil {
				return nil, err
			}
		}
		out = append(out, ConsentText{in.Lang, text})
	}
	return out, nil
}

func withParties(text []byte, lang string) ([]byte, error) {
	other, err := embedded.ReadFile("issuer/consent/" + lang + "-parties.txt")
	if err != nil {
		return nil, err
	}
	all := strings.Split(string(text), "\n\n")
	for _, part := range strings.Split(strings.TrimSpace(string(other)), "\n\n") {
		heading, _, _ := strings.Cut(part, "\n")
		n := slices.IndexFunc(all, func(p string) bool { return strings.HasPrefix(p, heading+"\n") })
		if n < 0 {
			return nil, fmt.Errorf("demo/web: the consent text (%s) has no part %q", lang, heading)
		}
		all[n] = part
	}
	return []byte(strings.Join(all, "\n\n")), nil
}

// Issuer serves the enrolment page at /enrol, its files under /static/, the
// camera models under /face/ if they were built, and the shared files under
// /perhuman/. With split, three parties compare people, and the consent text says
// so. The page is in the language that the wallet asks for (/enrol?lang=de), or
// else in the one closest to what the browser accepts.
func Issuer(split bool) (http.Handler, error) {
	sub, err := fs.Sub(embedded, "issuer")
	if err != nil {
		return nil, err
	}
	policy := sdkweb.Policy{Camera: true}
	own, err := sdkweb.Files(sub, "/static/", nil, policy)
	if err != nil {
		return nil, fmt.Errorf("demo/web: issuer: %w", err)
	}
	under := map[string]http.Handler{sdkweb.Prefix: sdkweb.Static()}
	texts, err := Consents(split)
	if err != nil {
		return nil, err
	}
	if under["/enrol"], err = enrolPages(sub, texts, policy); err != nil {
		return nil, fmt.Errorf("demo/web: issuer: %w", err)
	}
	const at = "/static/consent/"
	shown := map[string]sdkweb.File{}
	for _, c := range texts {
		shown[at+c.Language+".txt"] = sdkweb.File{Name: "consent.txt", Body: c.Text}
	}
	if under[at], err = sdkweb.Serve(shown, policy); err != nil {
		return nil, fmt.Errorf("demo/web: issuer: %w", err)
	}
	models, err := face.FS()
	switch {
	case errors.Is(err, face.ErrNotBuilt): // the page says that there is no camera here
	case err != nil:
		return nil, fmt.Errorf("demo/web: %w", err)
	default:
		if under["/face/"], err = sdkweb.Files(models, "/face/", nil, policy); err != nil {
			return nil, fmt.Errorf("demo/web: models: %w", err)
		}
	}
	return route(under, own), nil
}

// enrolPages is the page in every language, with the consent text in it for
// readers without JavaScript.
func enrolPages(files fs.FS, consents []ConsentText, policy sdkweb.Policy) (http.Handler, error) {
	page, err := template.ParseFS(files, "enrol.html")
	if err != nil {
		return nil, err
	}
	type part struct{ Title, Text string }
	var tags []language.Tag
	var pages []http.Handler
	for n, in := range tongues() {
		var parts []part
		for _, p := range strings.Split(strings.TrimSpace(string(consents[n].Text)), "\n\n") {
			title, text, _ := strings.Cut(p, "\n")
			parts = append(parts, part{title, text})
		}
		var out bytes.Buffer
		if err := page.Execute(&out, struct {
			tongue
			Consent []part
		}{in, parts}); err != nil {
			return nil, err
		}
		served, err := sdkweb.Serve(map[string]sdkweb.File{"/enrol": {Name: "enrol.html", Body: out.Bytes()}}, policy)
		if err != nil {
			return nil, err
		}
		tag, err := language.Parse(in.Lang)
		if err != nil {
			return nil, err
		}
		tags, pages = append(tags, tag), append(pages, served)
	}
	closest := language.NewMatcher(tags)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, n := language.MatchStrings(closest, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
		w.Header().Add("Vary", "Accept-Language")
		pages[n].ServeHTTP(w, r)
	}), nil
}
