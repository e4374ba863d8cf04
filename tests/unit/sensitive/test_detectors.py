"""Each detector by example: what it finds, and what looks like it and is not. All values are invented."""

from __future__ import annotations

import pytest

from proxy.sensitive.scan import scan, summary

# Put together here, so that no scanner of this repository takes them for real ones.
TOKEN_BODY = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
GITHUB = "ghp" + "_" + TOKEN_BODY
AWS = "AKIA" + "J7QX2M4N6P8R3T5V"
OPENAI = "sk" + "-proj-" + TOKEN_BODY
JWT = "ey" + "JhbGciOiJIUzI1NiJ9" + ".ey" + "JzdWIiOiIxMjM0NSJ9" + ".s5ZqR2mVb8Nf0LkTq"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIBOgIBAAJBAK\nq83==\n-----END RSA " + "PRIVATE KEY-----"
SLACK = "xox" + "b-2094857612-" + TOKEN_BODY


def found(text: str, kind: str) -> list[str]:
    return [text[span.start : span.end] for span in scan(text, names=False) if span.type == kind]


FOUND = [
    ("EMAIL_ADDRESS", "write to ana.ruiz+news@post.example, please", "ana.ruiz+news@post.example"),
    ("EMAIL_ADDRESS", "<o'neil@a-b.co.uk>", "o'neil@a-b.co.uk"),
    ("EMAIL_ADDRESS", "mail: JÖRG.müller@büro.example.", "JÖRG.müller@büro.example"),
    ("EMAIL_ADDRESS", "kim [at] mail [dot] example", "kim [at] mail [dot] example"),
    ("EMAIL_ADDRESS", "root@[10.0.0.1]", "root@[10.0.0.1]"),
    ("PHONE_NUMBER", "call (212) 555-0147 now", "(212) 555-0147"),
    ("PHONE_NUMBER", "212.555.0147x89", "212.555.0147x89"),
    ("PHONE_NUMBER", "+44 20 7946 0958", "+44 20 7946 0958"),
    ("PHONE_NUMBER", "+1-212-555-0147 ext. 12", "+1-212-555-0147 ext. 12"),
    ("PHONE_NUMBER", "+41 (0)44 668 18 00", "+41 (0)44 668 18 00"),
    ("PHONE_NUMBER", "001-212-555-0147", "001-212-555-0147"),
    ("PHONE_NUMBER", "020 7946 0958", "020 7946 0958"),
    ("PHONE_NUMBER", "my mobile is 5551234567.", "5551234567"),
    ("PHONE_NUMBER", "Tel: 60-56-85-91", "60-56-85-91"),
    ("PHONE_NUMBER", "call +49\u00a030\u00a0901820", "+49\u00a030\u00a0901820"),
    ("CREDIT_CARD", "4012 8888 8888 1881", "4012 8888 8888 1881"),
    ("CREDIT_CARD", "pay with 378282246310005 today", "378282246310005"),
    ("CREDIT_CARD", "3782-822463-10005", "3782-822463-10005"),
    ("CREDIT_CARD", "6011\u20111111\u20111111\u20111117", "6011\u20111111\u20111111\u20111117"),
    ("CREDIT_CARD", "card number 4012888888881882", "4012888888881882"),  # the word stands in for the checksum
    ("CREDIT_CARD", "5105 1051 0510 5101", "5105 1051 0510 5101"),  # its dress does
    ("CREDIT_CARD", "my visa 4222222222222", "4222222222222"),
    ("CREDIT_CARD", "maestro card 501864667909", "501864667909"),
    ("IBAN_CODE", "DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
    ("IBAN_CODE", "iban: nl91abna0417164300", "nl91abna0417164300"),
    ("IBAN_CODE", "IBAN FR14 2004 1010 0505 0001 3M02 607", "FR14 2004 1010 0505 0001 3M02 607"),  # wrong sum, said
    ("IBAN_CODE", "GB00-WEST-1234-5698-7654-32", "GB00-WEST-1234-5698-7654-32"),
    ("US_SSN", "536-22-8726", "536-22-8726"),
    ("US_SSN", "SSN 536 22 8726", "536 22 8726"),
    ("US_SSN", "social security number: 536228726", "536228726"),
    ("US_SSN", "ssn=987-65-4321", "987-65-4321"),
    ("US_SSN", "SSN: 536\u201322\u20138726", "536\u201322\u20138726"),
    ("US_ITIN", "ITIN 912-70-1234", "912-70-1234"),
    ("IP_ADDRESS", "from 203.0.113.9 at noon", "203.0.113.9"),
    ("IP_ADDRESS", "[2001:db8::8a2e:370:7334]", "2001:db8::8a2e:370:7334"),
    ("MAC_ADDRESS", "eth0 02:42:ac:11:00:02 up", "02:42:ac:11:00:02"),
    ("URL", "see https://a.example/x?y=1.", "https://a.example/x?y=1"),
    ("DOMAIN_NAME", "visit acme-shop.com today", "acme-shop.com"),
    ("STREET_ADDRESS", "at 1420 North Maple Avenue, Apt 4B", "1420 North Maple Avenue, Apt 4B"),
    ("STREET_ADDRESS", "Gartenstraße 12a", "Gartenstraße 12a"),
    ("STREET_ADDRESS", "P.O. Box 1187", "P.O. Box 1187"),
    ("STREET_ADDRESS", "12 rue de la Paix", "12 rue de la Paix"),
    ("STREET_ADDRESS", "18 RUE VICTOR HUGO\n75003 PARIS", "18 RUE VICTOR HUGO"),
    ("STREET_ADDRESS", "in Via Garibaldi 15, Torino", "Via Garibaldi 15"),
    ("ZIP_CODE", "zip code is 02139", "02139"),
    ("ZIP_CODE", "Boston, MA 02139-4307", "02139-4307"),
    ("ZIP_CODE", "London SW1A 2AA", "SW1A 2AA"),
    ("AGE", "a 63-year-old man", "63"),
    ("AGE", "she just turned 40.", "40"),
    ("DATE_OF_BIRTH", "DOB: 04/12/1986", "04/12/1986"),
    ("DATE_OF_BIRTH", "born on May 3, 1990", "May 3, 1990"),
    ("BANK_ACCOUNT", "account number: 00123456789", "00123456789"),
    ("SWIFT_CODE", "BIC: COBADEFFXXX", "COBADEFFXXX"),
    ("CRYPTO", "send to 0x52908400098527886E0F7030069857D2E4169EE7", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("PASSPORT", "passport number X1234567", "X1234567"),
    ("DRIVER_LICENSE", "driver's license no. D123-4567-8901", "D123-4567-8901"),
    ("MEDICAL_RECORD", "MRN: 00482913", "00482913"),
    ("NATIONAL_ID", "CPF 390.533.447-05", "390.533.447-05"),
    ("NATIONAL_ID", "DNI 12345678Z", "12345678Z"),
    ("NATIONAL_ID", "NI: AB 12 34 56 C", "AB 12 34 56 C"),
    ("API_KEY", f"export T={GITHUB}", GITHUB),
    ("API_KEY", f"key {OPENAI} here", OPENAI),
    ("API_KEY", SLACK, SLACK),
    ("CLOUD_KEY", f"id {AWS}.", AWS),
    ("JWT", f"Bearer {JWT}", JWT),
    ("PRIVATE_KEY", f"key:\n{PEM}\nend", PEM),
    ("CONNECTION_STRING", "use postgres://app:s3cr3t@db.internal/x now", "postgres://app:s3cr3t@db.internal/x"),
    ("PASSWORD", 'password = "Tr0ub4dor&3"', "Tr0ub4dor&3"),
    ("PASSWORD", "my password is Qwerty!88.", "Qwerty!88"),
    ("SECRET", "CLIENT_SECRET=9f8e7d6c5b4a39281706", "9f8e7d6c5b4a39281706"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), FOUND, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(FOUND)])
def test_finds(kind: str, text: str, value: str) -> None:
    assert value in found(text, kind), scan(text, names=False)


NOT = [
    ("EMAIL_ADDRESS", "look @ this, meet me at noon.today @home"),
    ("PHONE_NUMBER", "on 2024-03-05 at 12:30, order 20240305"),
    ("PHONE_NUMBER", "pi is 3.14159265358979"),
    ("PHONE_NUMBER", "it cost $1,234,567,890"),
    ("PHONE_NUMBER", "call me on 2024-05-06"),
    ("CREDIT_CARD", "invoice 4012888888881882"),  # bare, and the checksum is wrong
    ("CREDIT_CARD", "tracking 9400110200881234567890"),
    ("CREDIT_CARD", "0000 0000 0000 0000"),
    ("CREDIT_CARD", "at 1712345678901 ms"),
    ("IBAN_CODE", "part no. ab12 cdef ghij klmn opqr st"),
    ("IBAN_CODE", "ZZ89 3704 0044 0532 0130 00 account"),
    ("US_SSN", "000-00-0000"),
    ("US_SSN", "phone 212-555-0147"),
    ("US_SSN", "serial 536228726"),
    ("IP_ADDRESS", "version 1.2.3.4 of the tool"),
    ("IP_ADDRESS", "999.12.1.1 and 12:30:45"),
    ("DOMAIN_NAME", "edit main.py, then run. Ok it works e.g. here"),
    ("STREET_ADDRESS", "During 1984 we sold 300 cars"),
    ("STREET_ADDRESS", "How do I change the address of my account?"),
    ("ZIP_CODE", "employee ID 88213"),
    ("ZIP_CODE", "the archive has 12345 files"),
    ("AGE", "turn 360 degrees; 30 percent; page 12"),
    ("NATIONAL_ID", "12345678A"),
    ("PASSWORD", "the password is incorrect, reset your password: click here"),
    ("PASSWORD", "password = os.environ['PW']"),
    ("SECRET", "token: str = get_token(user)"),
    ("SECRET", "the secret of good bread: patience"),
    ("API_KEY", "sk-learn and ghp_short"),
    ("CLOUD_KEY", "AKIA" + "A" * 16),
    ("CRYPTO", "1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ("JWT", "eyebrows.eyelashes.eyelids"),
]


@pytest.mark.parametrize(("kind", "text"), NOT, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(NOT)])
def test_leaves(kind: str, text: str) -> None:
    assert found(text, kind) == []


def test_an_address_in_a_link_is_one_finding() -> None:
    text = "mailto:ana@post.example"
    assert summary(scan(text, names=False)) == {"EMAIL_ADDRESS": 1}


def test_a_key_without_its_end_is_taken_as_far_as_a_key_goes() -> None:
    text = PEM.split("-----END", 1)[0] + "x" * 50_000
    (span,) = scan(text, names=False)
    assert span.type == "PRIVATE_KEY"
    assert span.end < 20_000
