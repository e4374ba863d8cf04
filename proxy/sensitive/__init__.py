"""What a text should not say: personal data, secrets, code. Patterns with checksums and context; a name tagger.

span        what was found: type, offsets, score; and which of two that overlap stands
flat        the text as bytes, one for each character, so that offsets agree
patterns    linear-time regular expressions (RE2) and the words around a match
contact     e-mail addresses            phones      telephone numbers
payment     cards, IBANs, accounts      identity    SSN and other countries' numbers
network     IP, MAC, URL, domain        places      street addresses, postcodes, ages, dates of birth
credentials keys, tokens, passwords     names       people and places by a linear tagger; names_model reads its file
custom      patterns of a policy file   code        how much of a text is code
scan        all of these over one text  redaction   the text with what was found replaced
"""
