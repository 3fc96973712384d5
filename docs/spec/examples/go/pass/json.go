package pass

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

var errNotStrict = errors.New("not one JSON object in UTF-8 whose members are unique")

// strictObject reads exactly one JSON object. Parsers disagree on which of two equal members counts, and that
// disagreement is an attack, so encoding/json's "the last one wins" will not do.
func strictObject(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errNotStrict
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	value, err := strictValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotStrict
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errNotStrict
	}
	return object, nil
}

func strictValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for decoder.More() {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			member := name.(string)
			if _, twice := object[member]; twice {
				return nil, errNotStrict
			}
			if object[member], err = strictValue(decoder); err != nil {
				return nil, err
			}
		}
		_, err = decoder.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := strictValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	}
	return token, nil
}

// wholeNumber reads a NumericDate without a fraction.
func wholeNumber(value any) (int64, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	seconds, err := strconv.ParseInt(number.String(), 10, 64)
	return seconds, err == nil && seconds >= 0 && seconds <= 253_402_300_799
}
