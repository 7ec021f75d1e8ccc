//! A PDF of one line, so that the demonstration has an attachment that opens.

/// One page with one line of printable ASCII.
pub(super) fn one_line(line: &str) -> Vec<u8> {
    let line = line.replace(['\\', '(', ')'], " ");
    let drawing = format!("BT /F1 18 Tf 72 720 Td ({line}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!(
            "<< /Length {} >>\nstream\n{drawing}\nendstream",
            drawing.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut table = vec!["0000000000 65535 f \n".to_owned()];
    for (number, object) in (1..).zip(&objects) {
        table.push(format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").into_bytes());
    }
    let (start, size) = (file.len(), table.len());
    let entries = table.concat();
    let end = format!(
        "xref\n0 {size}\n{entries}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n\
         %%EOF\n"
    );
    file.extend(end.into_bytes());
    file
}
